"""From the lab to a box: export, live recognition, and adaptation on the device."""
