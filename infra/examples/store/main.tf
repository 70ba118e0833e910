# The stack of terraform.tfvars, which the local stack reads too.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { example = "store" }
  }
}

module "freshet" {
  source = "../../"

  name                = var.name
  backbone            = var.backbone
  sources             = var.sources
  destinations        = var.destinations
  lookup_tables       = var.lookup_tables
  console             = var.console
  architecture        = var.architecture
  packages            = var.packages
  deletion_protection = var.deletion_protection
}
