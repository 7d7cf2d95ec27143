"""What a question must be before it is worth a job."""

from service.settings import settings
from workers.errors import EmptyQuestion, QuestionTooLong


def checked(question: str) -> str:
    """`question` without blank ends. Raises EmptyQuestion, QuestionTooLong."""
    asked = question.replace("\0", "").strip()  # Postgres keeps no NUL
    if not asked:
        raise EmptyQuestion
    limit = settings().question_characters
    if len(asked) > limit:
        raise QuestionTooLong(limit=limit)
    return asked
