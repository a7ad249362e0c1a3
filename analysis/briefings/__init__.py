"""Briefings: a parameterised notebook in, one self-contained page out.

``notebooks``     which notebooks there are and what parameters they take
``parameters``    the given parameters, checked before anything starts
``limits``        how long a run may take, how much it may hold and put out
``execution``     the notebook run in a kernel of this Python, through papermill
``export``        the run notebook turned into a page, through nbconvert
``layout``        the same in a supervised process, within the limits of the render
``output_files``  the page put in its place in one step
``render``        all of them in order

Used by the command and by schedules; a notebook imports `analysis.reports`, never this
package.
"""
