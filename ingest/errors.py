"""What can go wrong with a document or the library, named.

    LecternError
    ├── NotFound
    │   ├── CollectionNotFound
    │   └── DocumentNotFound, PageNotFound, VersionNotFound
    ├── Refused                  the input is at fault; trying again changes nothing
    │   ├── EmptyFile, FileTooLarge, UnsupportedType, …
    │   ├── WatchingOff, FolderRefused, FolderMissing, FileUnreadable
    │   ├── StillBeingRead, VersionTypeDiffers
    │   └── ParserTimeout, ParserMemory, ParserCrashed
    └── Unavailable              a part is away; trying again may help
        ├── IndexUnavailable
        │   └── IndexLost
        └── StorageFull, SchemaOutdated

A class's docstring is its message, filled with the keyword arguments it is raised with.
Its ``code`` is stable: programs may rely on it, sentences may change.
"""

import inspect


class LecternError(Exception):
    """Something went wrong."""

    code = "internal_error"

    def __init__(self, **details: object) -> None:
        template = inspect.cleandoc(type(self).__doc__ or "").split("\n\n")[0]
        super().__init__(" ".join(template.format(**details).split()))
        self.details = details


class NotFound(LecternError):
    """There is nothing under this id."""

    code = "not_found"


class CollectionNotFound(NotFound):
    """There is no collection {id}."""

    code = "collection_not_found"


class DocumentNotFound(NotFound):
    """There is no document {id}."""

    code = "document_not_found"


class PageNotFound(NotFound):
    """Document {id} has no page {page}."""

    code = "page_not_found"


class VersionNotFound(NotFound):
    """Document {id} has no version {version}."""

    code = "version_not_found"


class ContentMissing(NotFound):
    """The original file of this document is no longer kept."""

    code = "content_missing"


class Refused(LecternError):
    """This input can't be used."""

    code = "refused"


class CollectionNameTaken(Refused):
    """There is already a collection named “{name}”."""

    code = "collection_name_taken"


class CollectionNameUnusable(Refused):
    """A collection needs a name of 1 to {limit} characters."""

    code = "collection_name_unusable"


class TagsUnusable(Refused):
    """A document carries at most {most} tags of at most {limit} characters."""

    code = "tags_unusable"


class StillBeingRead(Refused):
    """The document is being read ({status}); a new version can come when that has ended."""

    code = "document_not_ready"


class VersionTypeDiffers(Refused):
    """The document is {expected}, the file is {media_type}; add it as a document of its own."""

    code = "version_type_differs"


class EmptyFile(Refused):
    """The file is empty."""

    code = "empty_file"


class EmptyDocument(Refused):
    """The document holds no readable text."""

    code = "empty_document"


class NoTextLayer(Refused):
    """The document holds pictures of text only, and OCR is switched off."""

    code = "no_text_layer"


class OcrMissing(Refused):
    """The document holds pictures of text only; reading them needs the extra “ocr” installed."""

    code = "ocr_missing"


class FileTooLarge(Refused):
    """The file is larger than the limit of {limit_mb} MB."""

    code = "file_too_large"


class TooManyFiles(Refused):
    """One upload takes at most {limit} files."""

    code = "too_many_files"


class UnsupportedType(Refused):
    """Files of this kind ({media_type}) can't be read."""

    code = "unsupported_type"


class UndecodableText(Refused):
    """The text is in no encoding that could be recognised."""

    code = "undecodable_text"


class WatchingOff(Refused):
    """Folders are not watched here; name those that may be in LECTERN_WATCH_FOLDERS."""

    code = "watching_off"


class FolderRefused(Refused):
    """The folder {folder} is inside none of those that may be watched."""

    code = "folder_refused"


class FolderMissing(Refused):
    """There is no folder {folder} on this host."""

    code = "folder_missing"


class FileUnreadable(Refused):
    """The file can't be read: {reason}."""

    code = "file_unreadable"


class EncryptedDocument(Refused):
    """The document is protected by a password."""

    code = "encrypted_document"


class DamagedDocument(Refused):
    """The document is damaged and can't be opened."""

    code = "damaged_document"


class ArchiveBomb(Refused):
    """The document unpacks to far more than its size allows."""

    code = "archive_bomb"


class TooManyMembers(Refused):
    """The archive holds more than {limit} files."""

    code = "too_many_members"


class ArchiveTooDeep(Refused):
    """The archive lies too deep inside other archives; at most {limit} are opened."""

    code = "archive_too_deep"


class TooManyPages(Refused):
    """The document has more than {limit} pages."""

    code = "too_many_pages"


class TooMuchText(Refused):
    """The document holds more than {limit} characters of text."""

    code = "too_much_text"


class ParserTimeout(Refused):
    """Reading the document took longer than {seconds} s and was stopped."""

    code = "parser_timeout"


class ParserMemory(Refused):
    """Reading the document needed more than {limit_mb} MB of memory and was stopped."""

    code = "parser_memory"


class ParserCrashed(Refused):
    """The parser crashed on this document."""

    code = "parser_crashed"


class Unavailable(LecternError):
    """A part of Lectern is away for the moment."""

    code = "unavailable"


class IndexUnavailable(Unavailable):
    """The vector index does not answer."""

    code = "index_unavailable"


class IndexLost(IndexUnavailable):
    """The vector index holds nothing of this collection."""

    code = "index_lost"


class StorageFull(Unavailable):
    """There is no room left to keep this."""

    code = "storage_full"


class SchemaOutdated(Unavailable):
    """The database schema is not the one this version needs; run the migration first."""

    code = "schema_outdated"


class StoreForeign(LecternError):
    """{unknown} of {kept} originals at {url} belong to no document here; none was removed."""

    code = "store_foreign"


class EmbedderMissing(LecternError):
    """There is no embedder at {path}."""

    code = "embedder_missing"


class RerankerMissing(LecternError):
    """There is no reranker at {path}; see LECTERN_RERANKER."""

    code = "reranker_missing"


class EmbedderMismatch(LecternError):
    """The collection belongs to the embedder {expected}, which is not here any more; the one in use
    is {actual}. Reindex the collection first.
    """

    code = "embedder_mismatch"


class ReadingCancelled(LecternError):
    """Reading the document was cancelled."""

    code = "reading_cancelled"
