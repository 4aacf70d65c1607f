mock_provider "aws" {}

variables {
  monthly_limit_usd = 50
  emails            = ["ops@example.com"]
}

run "warns_of_what_is_spent_and_of_what_is_forecast" {
  command = plan

  variables { name_prefix = "dev-" }

  assert {
    condition     = aws_budgets_budget.this.name == "dev-iotstream-monthly" && aws_budgets_budget.this.limit_amount == "50.00" && aws_budgets_budget.this.limit_unit == "USD" && aws_budgets_budget.this.time_unit == "MONTHLY"
    error_message = "50 dollars a month"
  }
  assert {
    condition     = toset([for one in aws_budgets_budget.this.notification : "${one.notification_type} ${one.threshold}"]) == toset(["ACTUAL 50", "ACTUAL 80", "ACTUAL 100", "FORECASTED 100"])
    error_message = "notifications"
  }
  assert {
    condition     = alltrue([for one in aws_budgets_budget.this.notification : one.subscriber_email_addresses == toset(["ops@example.com"]) && one.comparison_operator == "GREATER_THAN"])
    error_message = "each goes to the addresses"
  }
  assert {
    condition     = length(aws_budgets_budget.this.cost_filter) == 0
    error_message = "the whole account"
  }
}

run "counts_what_the_filter_lets_through" {
  command = plan

  variables { cost_filters = { TagKeyValue = ["user:Project$iotstream"] } }

  assert {
    condition     = one(aws_budgets_budget.this.cost_filter).name == "TagKeyValue" && one(aws_budgets_budget.this.cost_filter).values[0] == "user:Project$iotstream"
    error_message = "one tag"
  }
}

run "refuses_no_money" {
  command = plan
  variables { monthly_limit_usd = 0 }
  expect_failures = [var.monthly_limit_usd]
}

run "refuses_nobody" {
  command = plan
  variables { emails = [] }
  expect_failures = [var.emails]
}

run "refuses_what_is_no_address" {
  command = plan
  variables { emails = ["ops"] }
  expect_failures = [var.emails]
}

run "refuses_five_thresholds" {
  command = plan
  variables { actual_thresholds_percent = [10, 20, 30, 40, 50] }
  expect_failures = [var.actual_thresholds_percent]
}

run "refuses_a_threshold_of_zero" {
  command = plan
  variables { forecast_threshold_percent = 0 }
  expect_failures = [var.forecast_threshold_percent]
}
