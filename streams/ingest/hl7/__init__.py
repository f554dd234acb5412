"""HL7 v2: from a frame to facts, with its acknowledgement."""
