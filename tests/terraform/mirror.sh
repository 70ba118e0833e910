# Sourced, from the repository's root: where this machine has a mirror of the AWS provider, Terraform takes it from there
# instead of the registry. A configuration of one's own goes before.

if [ ! -f "${TF_CLI_CONFIG_FILE:-}" ]; then
  mirror=$(find / -maxdepth 6 -path /proc -prune -o -name .terraform -prune -o -path "$PWD" -prune -o \
    -type d -path '*/registry.terraform.io/hashicorp/aws' -print -quit 2>/dev/null || true)
  if [ -n "$mirror" ]; then
    mkdir -p target/tools
    printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "${mirror%/*/*/*}" >target/tools/terraformrc
    export TF_CLI_CONFIG_FILE=$PWD/target/tools/terraformrc
  fi
fi
