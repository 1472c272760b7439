"""Kaynko, a till: sales, voids, cash sessions, debts and products, as its app reports them (kaynko.app/developers)."""
