"""What an interior point must know of each kind of cone: its centre, its scaling, how far a step may go."""
