"""Usage logs and reports of gateways, vendors and traces, read into task classes."""
