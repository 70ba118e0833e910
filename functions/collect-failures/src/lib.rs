//! Turns what AWS gave up on into failures that a person sees.
