terraform {
  # 1.9: a variable's validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 5.80 is the first with everything used here; 5.100 is what the tests run. 6.x is allowed and untested so far.
      version = ">= 5.80, < 7.0"
    }
  }
}
