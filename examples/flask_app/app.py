"""A Flask app that books its fills. ``flask jexkit run`` holds the streams, any number of workers serve the pages."""

from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy

from jexkit import Fill
from jexkit.contrib.flask import JexKit

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///trades.db"
app.config["JEXKIT_STREAMS"] = {
    "main": {
        "exchange": "deribit",
        "client_id_env": "DERIBIT_CLIENT_ID",
        "client_secret_env": "DERIBIT_CLIENT_SECRET",
        "currencies": ["BTC", "ETH"],
    },
}
db = SQLAlchemy(app)
jexkit = JexKit(app)
app.register_blueprint(jexkit.health(), url_prefix="/jexkit")


class Trade(db.Model):
    event_id = db.Column(db.String(200), primary_key=True)  # so that no fill can be booked twice
    symbol = db.Column(db.String(50))
    quantity = db.Column(db.String(50))


@jexkit.on(Fill, stream="main")
def book(fill):
    if db.session.get(Trade, fill.id) is None:  # after a crash an event can come again, with the same id
        db.session.add(Trade(event_id=fill.id, symbol=fill.symbol, quantity=str(fill.quantity)))
        db.session.commit()


@app.get("/trades/")
def trades():
    return jsonify([trade.event_id for trade in Trade.query.all()])


with app.app_context():
    db.create_all()
