"""Recipe of the everyday model: `python -m recipes.everyday` trains it, `recipes.everyday.accuracy` measures it."""
