"""Requests that the service makes to other machines, within limits of time, size and address."""
