"""The machines that the embedded platform consists of: its regions, the internet and the relays of the host; how they are brought up and reached."""
