"""Copies of databases, made over a connection to none of them."""

import psycopg2


def drop_database(name):
    _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def copy_database(source, target):
    """Make a copy, in the place of what has its name."""
    drop_database(target)
    _execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')


def _execute(query):
    connection = psycopg2.connect(dbname='postgres')
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
    finally:
        connection.close()
