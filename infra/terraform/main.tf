# What must outlive the cluster: the bucket, and the database server of Dagster, MLflow and the audit log.

resource "aws_s3_bucket" "loopline" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "loopline" {
  bucket                  = aws_s3_bucket.loopline.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "loopline" {
  bucket = aws_s3_bucket.loopline.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "loopline" {
  bucket = aws_s3_bucket.loopline.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
    bucket_key_enabled = true
  }
}

# Erasing a person rewrites files; the replaced versions of the files are deleted after 14 days.
resource "aws_s3_bucket_lifecycle_configuration" "loopline" {
  bucket = aws_s3_bucket.loopline.id
  rule {
    id     = "replaced-objects"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 14
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
  depends_on = [aws_s3_bucket_versioning.loopline]
}

resource "aws_db_subnet_group" "loopline" {
  name       = "loopline-${var.environment}"
  subnet_ids = var.subnet_ids
}

# The password is made once, kept in Secrets Manager and never in Terraform's state. It changes only with
# `database_password_version`: a password that RDS manages changes every 7 days, under Dagster's open connections and
# against the copy in the cluster's Secret.
ephemeral "random_password" "database" {
  length  = 40
  special = false
}

resource "aws_secretsmanager_secret" "database" {
  name = "loopline-${var.environment}-database"
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.database.id
  secret_string_wo         = ephemeral.random_password.database.result
  secret_string_wo_version = var.database_password_version
}

ephemeral "aws_secretsmanager_secret_version" "database" {
  secret_id  = aws_secretsmanager_secret.database.id
  version_id = aws_secretsmanager_secret_version.database.version_id
}

# The databases `mlflow` and `loopline` on this server are created by the chart's job.
resource "aws_db_instance" "loopline" {
  identifier                = "loopline-${var.environment}"
  engine                    = "postgres"
  engine_version            = "17"
  instance_class            = var.database_class
  allocated_storage         = 50
  max_allocated_storage     = 500
  storage_encrypted         = true
  db_name                   = "dagster"
  username                  = "loopline"
  password_wo               = ephemeral.aws_secretsmanager_secret_version.database.secret_string
  password_wo_version       = var.database_password_version
  db_subnet_group_name      = aws_db_subnet_group.loopline.name
  vpc_security_group_ids    = var.security_group_ids
  multi_az                  = var.environment == "prod"
  backup_retention_period   = 14
  deletion_protection       = var.environment == "prod"
  skip_final_snapshot       = var.environment != "prod"
  final_snapshot_identifier = "loopline-${var.environment}-last"
}
