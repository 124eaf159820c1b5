"""What a person looks at: figures, the registry that names them, and the page that shows them.

`registry.FIGURES` names every figure of a report; `registry.draw(name, cube)` draws one again from a cube.
"""
