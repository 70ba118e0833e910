# The variables file as it stands makes a stack.

mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  packages = "../../tests/packages"
}

run "planned" {
  command = plan

  assert {
    condition     = keys(output.freshet.sources) == ["customers", "orders", "page_views", "tickets"]
    error_message = "The stack has the sources of the file."
  }

  assert {
    condition     = { for name, destination in output.freshet.destinations : name => "${destination.connector} ${destination.lanes}" } == { analytics = "webhook 8", braze = "braze 8", customer_io = "customer_io 8", helpdesk = "webhook 8", hubspot = "hubspot 8", klaviyo = "klaviyo 8", slack = "slack 8", warehouse = "webhook 8" }
    error_message = "The stack has the destinations of the file, with the lanes that the local stack gives them."
  }

  assert {
    condition     = jsonencode(output.freshet.lookup_tables) == jsonencode({ accounts = { table = "store-accounts", key = { account_id = "S" }, cache_seconds = 60 } })
    error_message = "The stack has the lookup tables of the file."
  }

  assert {
    condition     = output.freshet.changes_lanes == 16 && output.freshet.name == "store"
    error_message = "The stack has the name and the backbone of the file."
  }
}
