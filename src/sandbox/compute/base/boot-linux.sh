#!/bin/sh
# Starts the service that was put on this machine, or a small one that answers.
for service in ./app/boot ./app/serve ./serve; do
    [ -f "$service" ] && [ -x "$service" ] && exec "$service"
done
exec "$BGFORM" sandbox serve
