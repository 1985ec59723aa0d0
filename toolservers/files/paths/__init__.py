"""What a path means among the roots, what may be touched, and how it is opened so that it leads nowhere else."""
