"""Coins, notes and vending machines: what takes money, and what asks for it."""
