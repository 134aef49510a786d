"""The catalogues of messages, as `tools.messages` writes them."""

import gettext
import io

from babel.messages.catalog import Catalog

from tools.messages import _written_mo


def test_gettext_reads_them_and_they_are_the_same_at_any_time() -> None:
    """With the time in it, no file would be up to date a minute later."""
    catalogue = Catalog("ja")
    catalogue.add("yes", "はい")
    catalogue.add(("{count} vote", "{count} votes"), ("{count} 票",))
    read = gettext.GNUTranslations(io.BytesIO(_written_mo(catalogue)))
    assert read.gettext("yes") == "はい"
    assert read.ngettext("{count} vote", "{count} votes", 2) == "{count} 票"
    assert read.info().keys() == {"content-type", "plural-forms"}
