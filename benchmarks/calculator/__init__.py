"""What a call of the calculator takes, accepted or refused: the function alone, through its worker, over HTTP."""
