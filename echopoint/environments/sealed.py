"""Former name of the encrypted field, which migrations import."""

from echopoint.environments.encrypted_text import EncryptedTextField

SealedTextField = EncryptedTextField
