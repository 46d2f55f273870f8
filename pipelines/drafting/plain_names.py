"""Names in plain letters, from names in any script of Europe.

Belongs here: the spelling of letters that no identifier may have. Does not belong here: which name is proposed for a
column (`columns.py`) or a source (`sample.py`).
"""

import unicodedata

_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "ł": "l", "đ": "d"}
)


def plain_letters(name: str) -> str:
    """A lower-case name without accents and umlauts, as people write it who have none: `Größe (m²)` is `groesse (m2)`.

    Letters of other scripts stay.
    """
    spelled = unicodedata.normalize("NFC", name.lower()).translate(_SPELLED)
    return "".join(letter for letter in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(letter))
