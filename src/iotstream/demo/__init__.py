"""The demonstration: devices to SQL on this machine, with a balance at the end. See `iotstream demo`."""
