"""Where facts come from when no hospital is connected: a simulated hospital and recordings, and the way to Kafka."""
