"""How the app is served: read by gunicorn from the folder that it is started in."""

wsgi_app = "notes.wsgi"
workers = 2
worker_class = "gthread"
threads = 4
keepalive = 75  # seconds; longer than the gateway keeps an idle connection
graceful_timeout = 1  # an idle connection that is kept counts as work
control_socket_disable = True  # known to gunicorn 24 and newer, and no harm before
