"""A product whose target is an amount, written as a user would write one: what will a claim cost?"""
