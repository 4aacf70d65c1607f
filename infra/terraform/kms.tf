# One key for all that is encrypted, if that is wanted. Without it each service uses its own.

locals {
  kms_key_arn = var.enable_kms ? aws_kms_key.this[0].arn : var.kms_key_arn
  account_arn = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109: a key's policy is about this key alone, and the account must be able to manage it
  #checkov:skip=CKV_AWS_111: a key's policy is about this key alone
  #checkov:skip=CKV_AWS_356: in a key's policy * is this key
  count = var.enable_kms ? 1 : 0

  # Who may use it is said by IAM (module iam).
  statement {
    sid       = "ByTheAccountsPolicies"
    actions   = ["kms:*"]
    resources = ["*"] # in a key's policy: this key

    principals {
      type        = "AWS"
      identifiers = [local.account_arn]
    }
  }

  statement {
    sid       = "EncryptLogs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"] # in a key's policy: this key

    principals {
      type        = "Service"
      identifiers = ["logs.${var.aws_region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${data.aws_partition.current.partition}:logs:${var.aws_region}:${data.aws_caller_identity.current.account_id}:log-group:*"]
    }
  }

  statement {
    sid       = "SendAlarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"] # in a key's policy: this key

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_kms_key" "this" {
  count = var.enable_kms ? 1 : 0

  description             = "iotstream: stream, buckets, tables, secrets, logs, alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[0].json
}

resource "aws_kms_alias" "this" {
  count = var.enable_kms ? 1 : 0

  name          = "alias/${var.name_prefix}iotstream"
  target_key_id = aws_kms_key.this[0].key_id
}
