output "bucket" {
  description = "LOOPLINE_DAGSTER_LOGS_BUCKET, and the bucket of LOOPLINE_LAKE, LOOPLINE_ROLLOUT and LOOPLINE_MLFLOW_ARTIFACTS."
  value       = aws_s3_bucket.loopline.bucket
}

output "database_host" {
  description = "LOOPLINE_DAGSTER_DB_HOST."
  value       = aws_db_instance.loopline.address
}

output "database_password_secret" {
  description = "The secret in Secrets Manager that holds LOOPLINE_DAGSTER_DB_PASSWORD."
  value       = aws_secretsmanager_secret.database.arn
}
