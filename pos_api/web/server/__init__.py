"""The web server: gunicorn's processes, uvicorn's protocol, threads for the application."""
