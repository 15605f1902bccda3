"""The dashboard's entry: page settings, the shared inputs, the menu; then it runs the page that the visitor chose."""

import streamlit as st

from pages.ui import shell
from pages.ui.controls import session, sidebar

st.set_page_config(page_title="Weighbridge: size a language model", page_icon="⚖️", layout="wide")
page = shell.menu()
anew = session.start(page.url_path)
sidebar.sidebar(page.url_path)
if anew:
    st.rerun()
shell.run(page)
