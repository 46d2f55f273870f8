"""The contest of candidates: what each fits, how it is judged on later rows, which becomes the bundle's model."""
