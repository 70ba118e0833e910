output "freshet" {
  description = "What the freshet command needs."
  value       = module.freshet.freshet
}
