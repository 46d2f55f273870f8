"""The product `card_default`: will a credit card's holder miss the next payment?"""
