"""What is pushed: one snapshot per process, fed by Kafka, and the differences that browsers are sent."""
