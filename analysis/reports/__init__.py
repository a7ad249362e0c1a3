"""Reports: what a page or a command says about a study.

``study_report``    one study with its tests, placements and sources, each computed once
``study_document``  the same as JSON documents and as rows of a CSV file
``event``           the parts of one event's page, in their order
``size_and_power``  the parts of the page on the tests themselves
``event_moves``     on which day the securities that an event names first moved
``display``         what a notebook shows, and the types under which a page finds it

The rest are parts of these: frames, sentences, caveats, and where the numbers come from.
Notebooks import this package and `analysis`; nothing here knows how a notebook becomes a page.
"""
