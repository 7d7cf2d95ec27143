"""What can go wrong with a job, a step or the engine, named.

LecternError
├── JobNotFound, ConversationNotFound, ScheduleNotFound, WebhookNotFound, DeliveryNotFound
├── Refused
│   ├── EmptyQuestion, QuestionTooLong, DocumentNotReady
│   ├── BadSchema, SchemaTooLong
│   ├── BadSchedule, TimezoneUnknown, WebhookUrlRefused, ReceiverRefused
│   ├── LanguageNotPossible, DigestImpossible
│   └── PromptTooLong, ServerPromptTooLong
├── Unavailable
│   ├── LanguageModelUnavailable, EngineStopped
│   └── RpcHostAway, RpcHostBusy, RpcHostLost
├── ModelMissing, ModelUnusable, MemoryTooSmall, TuningFailed
├── RpcHostForeign, RpcServersUnusable, RpcAddressRefused, RpcAddressUnusable
├── StepPoisoned
└── Cancelled, LeaseLost     signals: they end a step without failing it
"""

from ingest.errors import LecternError, NotFound, Refused, Unavailable


class JobNotFound(NotFound):
    """There is no job {id}."""

    code = "job_not_found"


class ConversationNotFound(NotFound):
    """There is no conversation {id}."""

    code = "conversation_not_found"


class ScheduleNotFound(NotFound):
    """There is no schedule {id}."""

    code = "schedule_not_found"


class WebhookNotFound(NotFound):
    """There is no webhook {id}."""

    code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    """There is no delivery {id} to this webhook."""

    code = "delivery_not_found"


class EmptyQuestion(Refused):
    """The question is empty."""

    code = "empty_question"


class QuestionTooLong(Refused):
    """The question is longer than {limit} characters."""

    code = "question_too_long"


class DocumentNotReady(Refused):
    """The document has not been read ({status}); there is nothing to work on yet."""

    code = "document_not_ready"


class BadSchema(Refused):
    """The schema can't be used; at {where}: {reason}."""

    code = "bad_schema"


class SchemaTooLong(Refused):
    """The schema takes {tokens} tokens in the prompt, which leaves the model no room for the text.
    Ask for fewer fields at once, or describe them more briefly.
    """

    code = "schema_too_long"


class WebhookUrlRefused(Refused):
    """Nothing can be sent to this URL: {reason}."""

    code = "bad_webhook_url"


class ReceiverRefused(Refused):
    """The receiver resolves to {address}, an address that nothing is sent to."""

    code = "receiver_refused"


class BadSchedule(Refused):
    """The schedule can't be kept: {reason}."""

    code = "bad_schedule"


class TimezoneUnknown(Refused):
    """There is no time zone called “{name}”."""

    code = "unknown_timezone"


class LanguageNotPossible(Refused):
    """The model is too small to write in another language than the document's ({language})."""

    code = "language_not_possible"


class DigestImpossible(Refused):
    """A digest is made of 2 to {most} documents that have been read; here are {count}."""

    code = "digest_impossible"


class PromptTooLong(Refused):
    """The prompt has {prompt} tokens; with {reserved} kept for the answer the limit is {limit}."""

    code = "prompt_too_long"


class ServerPromptTooLong(Refused):
    """The prompt does not fit the context of the language model server."""

    code = "prompt_too_long"


class LanguageModelUnavailable(Unavailable):
    """The language model server at {url} does not answer as it should: {reason}."""

    code = "language_model_unavailable"


class EngineStopped(Unavailable):
    """The engine has stopped: {reason}."""

    code = "engine_stopped"


class RpcHostAway(Unavailable):
    """The RPC host {host}, which holds a part of the model, can't be reached: {reason}."""

    code = "rpc_host_away"


class RpcHostBusy(Unavailable):
    """The RPC host {host} answers nobody now: it serves one worker at a time."""

    code = "rpc_host_busy"


class RpcHostLost(Unavailable):
    """The RPC host {host}, which holds a part of the model, was lost while it was needed."""

    code = "rpc_host_lost"


class RpcHostForeign(LecternError):
    """The RPC host {host} can't be used: {reason}. Run the same version of Lectern on both."""

    code = "rpc_host_foreign"


class RpcServersUnusable(LecternError):
    """LECTERN_RPC_SERVERS or LECTERN_RPC_SPLIT can't be used: {reason}."""

    code = "rpc_servers_unusable"


class RpcAddressRefused(LecternError):
    """{address} is no address of a private network, and whoever reaches this server can make it do
    what he likes. Use one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 127.0.0.1; if others are
    kept out by other means, say --open-to-anyone.
    """

    code = "rpc_address_refused"


class RpcAddressUnusable(LecternError):
    """{address} can't be listened on: {reason}."""

    code = "rpc_address_unusable"


class ModelMissing(LecternError):
    """There is no model file at {path}; set LECTERN_MODEL to a GGUF file."""

    code = "model_missing"


class ModelUnusable(LecternError):
    """The model file {path} can't be used: {reason}."""

    code = "model_unusable"


class MemoryTooSmall(LecternError):
    """The model {model} does not fit into the {free} of memory that are free: {sum}.
    Lower LECTERN_CONTEXT or LECTERN_BATCH_SLOTS, or choose a smaller model.
    """

    code = "memory_too_small"


class TuningFailed(LecternError):
    """This machine could not be measured: {reason}."""

    code = "tuning_failed"


class StepPoisoned(LecternError):
    """Step {step} took its worker down {lost} times and was given up."""

    code = "step_poisoned"


class Cancelled(LecternError):
    """The job was cancelled."""

    code = "cancelled"


class LeaseLost(LecternError):
    """Another worker holds step {step} now."""

    code = "lease_lost"
