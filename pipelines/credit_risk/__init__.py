"""The product `credit_risk`: approve or decline a credit application."""
