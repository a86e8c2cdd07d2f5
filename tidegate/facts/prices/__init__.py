"""What things cost: machines by region and capacity type (`tables`), and everything else that AWS takes money for (`services`)."""
