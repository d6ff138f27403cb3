"""gnocchi.py FILE: what the publisher of Ceilometer that feeds Gnocchi makes of a list of resources: each metric and its type."""
import json
import sys

from ceilometer.publisher import gnocchi
from ceilometer import service

conf = service.prepare_service([], [])
definitions, _ = gnocchi.GnocchiPublisher._load_definitions(conf, None, sys.argv[1])
print(json.dumps({metric: found.cfg["resource_type"] for found in definitions for metric in found.metrics}))
