//! Filters and maps change events into deliveries, one queue a destination.
