# The rules that come with tflint; its rules for AWS are a plugin, which is downloaded (`tflint --init`) where it is named.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
