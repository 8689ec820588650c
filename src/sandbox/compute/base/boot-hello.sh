#!/bin/sh
# Answers with the release that the file `release` names.
exec "$BGFORM" sandbox serve
