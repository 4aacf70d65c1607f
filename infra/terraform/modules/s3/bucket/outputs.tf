output "name" {
  description = "The bucket, once it is closed to the public, and encrypts and keeps versions as it should."
  value       = aws_s3_bucket.this.bucket
  # Not its lifecycle, which takes S3 a minute and is of no concern to whoever puts objects.
  depends_on = [
    aws_s3_bucket_ownership_controls.this, aws_s3_bucket_policy.this, aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this,
  ]
}

output "arn" {
  description = "Its ARN."
  value       = aws_s3_bucket.this.arn
}
