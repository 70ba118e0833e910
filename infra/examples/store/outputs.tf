output "freshet" {
  description = "What the freshet command needs."
  value       = module.freshet.freshet
}

output "console_url" {
  description = "The console's address."
  value       = module.freshet.console_url
}

output "console" {
  description = "What the identity provider has to know of the console."
  value       = module.freshet.console
}
