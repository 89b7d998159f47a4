from graph.commands.main import app

app()
