"""Stage 1 over Flower: recordings stay with the clients, and a server averages their encoders and heads.

The modules need the package flwr (the extra ``federated``) and are imported where they are used. A client trains any
pretraining module on its own data; it may lack sensors. See docs/federated.md.
"""
