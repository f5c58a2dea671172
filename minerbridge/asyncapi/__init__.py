"""The AsyncAPI document of every topic, made from the tables and models that serve them."""
