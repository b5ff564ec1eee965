"""`convscope workbook`: a small network as a spreadsheet with live formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ImageFile, Json, ModelFile
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.errors import InvalidValue

__all__ = ["workbook"]


@opens_network
def workbook(
    model: ModelFile,
    image: ImageFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "convscope-workbook.xlsx"
    ),
    *,
    open_network: OpenNetwork,
    json: Json = False,
) -> None:
    """Write a small network at one image as a spreadsheet: change a pixel or a weight, and all follows."""
    from convscope.cli.console import print_json, printable
    from convscope.explain import workbook as written
    from convscope.files import check_writable

    if output.suffix.lower() != ".xlsx":
        raise InvalidValue(f"workbook: --output must end in .xlsx; got {output}.")
    check_writable(output)
    result = written(open_network(model), image)
    result.save(output)
    if json:
        account = {
            "file": output,
            "sheets": [sheet.name for sheet in result.sheets],
            "formulas": result.formulas,
            "largest_difference": result.largest_difference,
        }
        print_json(account)
        return
    print(printable(str(result)))
    print(f"\nWritten to {output}")
